// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract RingTest is Check {
    Ring ring = new Ring(3);

    function testFills() public {
        ring.push(5);
        ring.push(7);
        same(ring.count(), 2);
        same(ring.at(0), 5);
        same(ring.at(1), 7);
        same(ring.sum(), 12);
    }

    function testForgetsTheOldest() public {
        for (uint256 i = 1; i <= 8; i++) ring.push(i * i);
        same(ring.count(), 3);
        same(ring.at(0), 36);
        same(ring.at(1), 49);
        same(ring.at(2), 64);
        same(ring.sum(), 149);
    }

    function testNoneThere() public {
        ring.push(5);
        vm.expectRevert();
        ring.at(1);
    }

    function testNoneThereWhenFull() public {
        for (uint256 i = 0; i < 4; i++) ring.push(i);
        vm.expectRevert();
        ring.at(3);
    }
}
