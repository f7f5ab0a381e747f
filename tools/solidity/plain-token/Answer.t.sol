// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract TokenTest is Check {
    Token token = new Token(1000);

    event Transfer(address indexed from, address indexed to, uint256 value);

    function testTransfer() public {
        vm.expectEmit(true, true, false, true);
        emit Transfer(address(this), ANN, 300);
        yes(token.transfer(ANN, 300));
        same(token.balanceOf(ANN), 300);
        same(token.balanceOf(address(this)), 700);
        same(token.totalSupply(), 1000);
    }

    function testTransferToOneself() public {
        yes(token.transfer(address(this), 400));
        same(token.balanceOf(address(this)), 1000);
    }

    function testTooMuch() public {
        vm.expectRevert();
        token.transfer(ANN, 1001);
    }

    function testAllowanceIsUsedUp() public {
        yes(token.approve(BOB, 50));
        vm.startPrank(BOB);
        yes(token.transferFrom(address(this), ANN, 20));
        same(token.allowance(address(this), BOB), 30);
        vm.expectRevert();
        token.transferFrom(address(this), ANN, 31);
        vm.stopPrank();
        same(token.balanceOf(ANN), 20);
    }

    function testEndlessAllowanceStays() public {
        token.approve(BOB, type(uint256).max);
        vm.prank(BOB);
        token.transferFrom(address(this), BOB, 5);
        same(token.allowance(address(this), BOB), type(uint256).max);
    }
}
