// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Guests {
    bytes32 private immutable root;
    mapping(address => bool) public inside;

    constructor(bytes32 top) {
        root = top;
    }

    function isInvited(address who, bytes32[] calldata proof) public view returns (bool) {
        bytes32 node = keccak256(abi.encodePacked(who));
        for (uint256 i = 0; i < proof.length; i++) {
            bytes32 other = proof[i];
            node = node < other
                ? keccak256(abi.encodePacked(node, other))
                : keccak256(abi.encodePacked(other, node));
        }
        return node == root;
    }

    function enter(bytes32[] calldata proof) external {
        require(isInvited(msg.sender, proof), "not invited");
        require(!inside[msg.sender], "already in");
        inside[msg.sender] = true;
    }
}
