// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract FractionsTest is Check {
    Fractions math = new Fractions();
    uint256 constant MOST = type(uint256).max;

    function testSmall() public view {
        same(math.down(7, 3, 2), 10);
        same(math.up(7, 3, 2), 11);
        same(math.down(6, 3, 2), 9);
        same(math.up(6, 3, 2), 9);
        same(math.down(0, 5, 3), 0);
        same(math.up(0, 5, 3), 0);
    }

    function testWideProducts() public view {
        same(math.down(MOST, MOST, MOST), MOST);
        same(math.up(MOST, MOST, MOST), MOST);
        same(math.down(MOST, 10, 20), MOST / 2);
        same(math.up(MOST, 10, 20), MOST / 2 + 1);
        same(math.down(1 << 200, 1 << 100, 1 << 60), 1 << 240);
    }

    function testDivisionByZero() public {
        vm.expectRevert();
        math.down(1, 1, 0);
    }

    function testResultTooLarge() public {
        vm.expectRevert();
        math.down(MOST, 2, 1);
    }

    function testRoundedUpTooLarge() public {
        vm.expectRevert();
        math.up(MOST, MOST - 1, MOST - 2);
    }
}
