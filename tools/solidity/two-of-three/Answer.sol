// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Shared {
    struct Proposal {
        address payable to;
        uint256 value;
        address first;
        bool done;
    }

    mapping(address => bool) private isOwner;
    Proposal[] private proposals;

    constructor(address a, address b, address c) {
        isOwner[a] = isOwner[b] = isOwner[c] = true;
    }

    receive() external payable {}

    function propose(address payable to, uint256 value) external returns (uint256 id) {
        require(isOwner[msg.sender], "stranger");
        id = proposals.length;
        proposals.push(Proposal(to, value, msg.sender, false));
    }

    function approve(uint256 id) external {
        require(isOwner[msg.sender], "stranger");
        Proposal storage one = proposals[id];
        require(msg.sender != one.first, "twice");
        require(!one.done, "done");
        one.done = true;
        (bool sent,) = one.to.call{value: one.value}("");
        require(sent, "not sent");
    }
}
