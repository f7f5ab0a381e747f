// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract Idle {
    function nothing(uint256[] memory, uint256) external pure returns (uint256) {
        return 2000;
    }
}

contract SortedTest is Check {
    Sorted sorted = new Sorted();
    Idle idle = new Idle();

    function sample() private pure returns (uint256[] memory a) {
        a = new uint256[](6);
        (a[0], a[1], a[2], a[3], a[4], a[5]) = (1, 4, 4, 4, 9, type(uint256).max);
    }

    function testFirst() public view {
        same(sorted.first(sample(), 0), 0);
        same(sorted.first(sample(), 1), 0);
        same(sorted.first(sample(), 2), 1);
        same(sorted.first(sample(), 4), 1);
        same(sorted.first(sample(), 5), 4);
        same(sorted.first(sample(), 10), 5);
        same(sorted.first(new uint256[](0), 3), 0);
    }

    function testBeyondTheEnd() public view {
        uint256[] memory a = new uint256[](2);
        same(sorted.first(a, 1), 2);
    }

    function testOccurrences() public view {
        same(sorted.occurrences(sample(), 4), 3);
        same(sorted.occurrences(sample(), 1), 1);
        same(sorted.occurrences(sample(), 5), 0);
        same(sorted.occurrences(sample(), type(uint256).max), 1);
    }

    function testTakesLogarithmicTime() public view {
        uint256[] memory a = new uint256[](4000);
        for (uint256 i = 0; i < 4000; i++) a[i] = i / 2000;
        uint256 begin = gasleft();
        same(idle.nothing(a, 1), 2000);
        uint256 least = begin - gasleft();
        begin = gasleft();
        same(sorted.occurrences(a, 1), 2000);
        yes(begin - gasleft() < least + 150_000);
    }
}
