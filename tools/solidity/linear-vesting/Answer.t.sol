// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract VestingTest is Check {
    Vesting vesting;

    function setUp() public {
        vm.warp(1000);
        vm.deal(address(this), 100 ether);
        vesting = new Vesting{value: 100 ether}(ANN, 2000, 100, 1000);
    }

    function testNothingBeforeTheCliff() public {
        vm.warp(2099);
        same(vesting.vested(), 0);
        vm.expectRevert();
        vm.prank(ANN);
        vesting.claim();
    }

    function testCountsFromTheStart() public {
        vm.warp(2100);
        same(vesting.vested(), 10 ether);
        vm.warp(2333);
        same(vesting.vested(), 33.3 ether);
    }

    function testClaimsAddUp() public {
        vm.warp(2250);
        vm.prank(ANN);
        vesting.claim();
        same(ANN.balance, 25 ether);
        vm.warp(2500);
        vm.prank(ANN);
        vesting.claim();
        same(ANN.balance, 50 ether);
        vm.warp(9000);
        vm.prank(ANN);
        vesting.claim();
        same(ANN.balance, 100 ether);
        same(vesting.vested(), 100 ether);
    }

    function testOnlyTheBeneficiary() public {
        vm.warp(9000);
        vm.expectRevert();
        vm.prank(BOB);
        vesting.claim();
    }
}
