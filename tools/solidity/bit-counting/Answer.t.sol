// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract BitsTest is Check {
    Bits bits = new Bits();

    function testOnes() public view {
        same(bits.ones(0), 0);
        same(bits.ones(255), 8);
        same(bits.ones(1 << 255), 1);
        same(bits.ones(type(uint256).max), 256);
    }

    function testHighest() public view {
        same(bits.highest(1), 0);
        same(bits.highest(6), 2);
        same(bits.highest(1 << 255), 255);
        same(bits.highest((1 << 129) - 1), 128);
    }

    function testHighestOfNothing() public {
        vm.expectRevert();
        bits.highest(0);
    }

    function testReversed() public view {
        same(bits.reversed(0), 0);
        same(bits.reversed(1), 1 << 255);
        same(bits.reversed(0xB), 0xD << 252);
        same(bits.reversed(type(uint256).max), type(uint256).max);
    }
}
