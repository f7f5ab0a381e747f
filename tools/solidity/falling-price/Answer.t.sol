// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract FallingTest is Check {
    Falling sale;

    function setUp() public {
        vm.warp(500);
        sale = new Falling(10 ether, 4 ether, 600);
        vm.deal(ANN, 20 ether);
        vm.deal(BOB, 20 ether);
    }

    function testPriceFalls() public {
        same(sale.price(), 10 ether);
        vm.warp(600);
        same(sale.price(), 9 ether);
        vm.warp(1099);
        same(sale.price(), 4.01 ether);
        vm.warp(1100);
        same(sale.price(), 4 ether);
        vm.warp(99999);
        same(sale.price(), 4 ether);
    }

    function testRoundsTheFallDown() public {
        Falling odd = new Falling(10, 0, 4);
        vm.warp(501);
        same(odd.price(), 8);
        vm.warp(502);
        same(odd.price(), 5);
    }

    function testChangeIsReturned() public {
        vm.warp(800);
        vm.prank(ANN);
        sale.buy{value: 15 ether}();
        yes(sale.winner() == ANN);
        same(ANN.balance, 13 ether);
    }

    function testTooLittle() public {
        vm.expectRevert();
        vm.prank(ANN);
        sale.buy{value: 9.9 ether}();
    }

    function testSoldOnce() public {
        vm.prank(ANN);
        sale.buy{value: 10 ether}();
        vm.expectRevert();
        vm.prank(BOB);
        sale.buy{value: 10 ether}();
    }
}
