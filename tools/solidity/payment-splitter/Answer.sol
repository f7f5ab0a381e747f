// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Splitter {
    mapping(address => uint256) private sharesOf;
    mapping(address => uint256) private taken;
    uint256 private allShares;
    uint256 private allTaken;

    constructor(address[] memory people, uint256[] memory shares) {
        require(people.length == shares.length && people.length > 0, "lengths");
        for (uint256 i = 0; i < people.length; i++) {
            require(shares[i] > 0, "no share");
            sharesOf[people[i]] += shares[i];
            allShares += shares[i];
        }
    }

    receive() external payable {}

    function due(address who) public view returns (uint256) {
        uint256 received = address(this).balance + allTaken;
        return received * sharesOf[who] / allShares - taken[who];
    }

    function take() external {
        uint256 amount = due(msg.sender);
        require(amount > 0, "nothing due");
        taken[msg.sender] += amount;
        allTaken += amount;
        (bool sent,) = msg.sender.call{value: amount}("");
        require(sent, "not sent");
    }
}
