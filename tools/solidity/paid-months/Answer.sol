// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Subscription {
    address private immutable seller = msg.sender;
    uint256 private immutable price;
    mapping(address => uint256) public until;

    constructor(uint256 monthly) {
        price = monthly;
    }

    function isActive(address who) external view returns (bool) {
        return until[who] > block.timestamp;
    }

    function pay(uint256 months) external payable {
        require(months > 0 && msg.value == price * months, "price");
        uint256 from = until[msg.sender];
        if (from < block.timestamp) from = block.timestamp;
        until[msg.sender] = from + months * 30 days;
    }

    function collect() external {
        require(msg.sender == seller, "seller only");
        (bool sent,) = seller.call{value: address(this).balance}("");
        require(sent, "not sent");
    }
}
