// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract FaucetTest is Check {
    Faucet faucet;

    function setUp() public {
        vm.warp(10_000);
        vm.deal(address(this), 3 ether);
        faucet = new Faucet{value: 2.5 ether}(1 ether, 60);
    }

    function testServesAfterThePause() public {
        vm.startPrank(ANN);
        same(faucet.nextAt(ANN), 0);
        faucet.drip();
        same(faucet.nextAt(ANN), 10_060);
        vm.warp(10_060);
        faucet.drip();
        vm.stopPrank();
        same(ANN.balance, 2 ether);
    }

    function testNotEarlier() public {
        vm.startPrank(ANN);
        faucet.drip();
        vm.warp(10_059);
        vm.expectRevert();
        faucet.drip();
        vm.stopPrank();
    }

    function testEachForThemselves() public {
        vm.prank(ANN);
        faucet.drip();
        vm.prank(BOB);
        faucet.drip();
        same(BOB.balance, 1 ether);
    }

    function testEmpty() public {
        vm.prank(ANN);
        faucet.drip();
        vm.prank(BOB);
        faucet.drip();
        vm.expectRevert();
        vm.prank(CAT);
        faucet.drip();
    }
}
