// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Falling {
    uint256 private immutable high;
    uint256 private immutable low;
    uint256 private immutable length;
    uint256 private immutable begun = block.timestamp;
    address public winner;

    constructor(uint256 from, uint256 to, uint256 time) {
        high = from;
        low = to;
        length = time;
    }

    function price() public view returns (uint256) {
        uint256 gone = block.timestamp - begun;
        if (gone >= length) return low;
        return high - (high - low) * gone / length;
    }

    function buy() external payable {
        uint256 due = price();
        require(winner == address(0), "sold");
        require(msg.value >= due, "too little");
        winner = msg.sender;
        (bool sent,) = msg.sender.call{value: msg.value - due}("");
        require(sent, "not sent");
    }
}
