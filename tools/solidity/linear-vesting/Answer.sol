// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Vesting {
    address private beneficiary;
    uint256 private start;
    uint256 private cliff;
    uint256 private duration;
    uint256 private total;
    uint256 private claimed;

    constructor(address who, uint256 from, uint256 wait_, uint256 length) payable {
        beneficiary = who;
        start = from;
        cliff = wait_;
        duration = length;
        total = msg.value;
    }

    function vested() public view returns (uint256) {
        if (block.timestamp < start + cliff) return 0;
        if (block.timestamp >= start + duration) return total;
        return total * (block.timestamp - start) / duration;
    }

    function claim() external {
        require(msg.sender == beneficiary, "not yours");
        uint256 due = vested() - claimed;
        require(due > 0, "nothing");
        claimed += due;
        (bool sent,) = beneficiary.call{value: due}("");
        require(sent, "not sent");
    }
}
