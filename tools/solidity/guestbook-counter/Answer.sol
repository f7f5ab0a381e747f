// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Guestbook {
    address private immutable keeper = msg.sender;
    mapping(address => uint256) public visits;
    uint256 public total;

    function sign() external {
        visits[msg.sender] += 1;
        total += 1;
    }

    function reset(address who) external {
        require(msg.sender == keeper, "keeper only");
        total -= visits[who];
        visits[who] = 0;
    }
}
