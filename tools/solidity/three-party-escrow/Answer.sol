// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Escrow {
    address payable private buyer;
    address payable private seller;
    address private arbiter;
    bool private done;

    constructor(address payable to, address judge) payable {
        buyer = payable(msg.sender);
        seller = to;
        arbiter = judge;
    }

    function release() external {
        require(msg.sender == buyer || msg.sender == arbiter, "not yours");
        pay(seller);
    }

    function refund() external {
        require(msg.sender == seller || msg.sender == arbiter, "not yours");
        pay(buyer);
    }

    function pay(address payable to) private {
        require(!done, "over");
        done = true;
        (bool sent,) = to.call{value: address(this).balance}("");
        require(sent, "not sent");
    }
}
