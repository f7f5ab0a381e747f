// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Handover {
    event Handed(address indexed from, address indexed to);

    address public owner = msg.sender;
    address public candidate;

    modifier onlyOwner() {
        require(msg.sender == owner, "owner only");
        _;
    }

    function offer(address to) external onlyOwner {
        candidate = to;
    }

    function accept() external {
        require(msg.sender == candidate, "not offered");
        emit Handed(owner, msg.sender);
        owner = msg.sender;
        candidate = address(0);
    }

    function give_up() external onlyOwner {
        owner = address(0);
        candidate = address(0);
    }
}
