// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract SubscriptionTest is Check {
    Subscription plan;

    function setUp() public {
        vm.warp(1_000_000);
        vm.prank(CAT);
        plan = new Subscription(2 ether);
        vm.deal(ANN, 100 ether);
        vm.startPrank(ANN);
    }

    function testBeginsNow() public {
        yes(!plan.isActive(ANN));
        plan.pay{value: 4 ether}(2);
        same(plan.until(ANN), 1_000_000 + 60 days);
        yes(plan.isActive(ANN));
        vm.warp(1_000_000 + 60 days);
        yes(!plan.isActive(ANN));
    }

    function testLengthens() public {
        plan.pay{value: 2 ether}(1);
        vm.warp(1_000_000 + 10 days);
        plan.pay{value: 2 ether}(1);
        same(plan.until(ANN), 1_000_000 + 60 days);
    }

    function testALapseIsNotFilled() public {
        plan.pay{value: 2 ether}(1);
        vm.warp(1_000_000 + 90 days);
        plan.pay{value: 2 ether}(1);
        same(plan.until(ANN), 1_000_000 + 120 days);
    }

    function testExactPrice() public {
        vm.expectRevert();
        plan.pay{value: 3 ether}(1);
        vm.expectRevert();
        plan.pay{value: 1 ether}(1);
        vm.expectRevert();
        plan.pay(0);
    }

    function testCollect() public {
        plan.pay{value: 6 ether}(3);
        vm.expectRevert();
        plan.collect();
        vm.stopPrank();
        vm.prank(CAT);
        plan.collect();
        same(CAT.balance, 6 ether);
    }
}
