// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Sealed {
    mapping(address => bytes32) private seals;
    mapping(address => bool) private isOpen;
    uint256 public best;
    address public leader;

    function commit(bytes32 seal) external {
        require(seal != 0 && seals[msg.sender] == 0, "no");
        seals[msg.sender] = seal;
    }

    function reveal(uint256 number, bytes32 salt) external {
        require(seals[msg.sender] == keccak256(abi.encode(msg.sender, number, salt)), "other seal");
        require(!isOpen[msg.sender], "twice");
        isOpen[msg.sender] = true;
        if (leader == address(0) || number > best) {
            best = number;
            leader = msg.sender;
        }
    }
}
