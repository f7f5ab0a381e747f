// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Faucet {
    uint256 private immutable amount;
    uint256 private immutable pause;
    mapping(address => uint256) public nextAt;

    constructor(uint256 each, uint256 wait_) payable {
        amount = each;
        pause = wait_;
    }

    function drip() external {
        require(block.timestamp >= nextAt[msg.sender], "too early");
        nextAt[msg.sender] = block.timestamp + pause;
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, "not sent");
    }
}
