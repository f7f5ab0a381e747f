// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Vault {
    mapping(address => uint256) public balanceOf;

    function deposit() external payable {
        balanceOf[msg.sender] += msg.value;
    }

    function withdraw(uint256 amount) external {
        uint256 credit = balanceOf[msg.sender];
        require(credit >= amount, "too little credit");
        unchecked { balanceOf[msg.sender] = credit - amount; }
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, "not sent");
    }
}
