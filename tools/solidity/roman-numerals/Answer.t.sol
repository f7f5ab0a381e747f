// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract RomanTest is Check {
    Roman roman = new Roman();

    function check(uint256 n, string memory text) private view {
        yes(keccak256(bytes(roman.write(n))) == keccak256(bytes(text)));
    }

    function testSimple() public view {
        check(1, "I");
        check(3, "III");
        check(6, "VI");
        check(2026, "MMXXVI");
        check(3888, "MMMDCCCLXXXVIII");
    }

    function testSubtraction() public view {
        check(4, "IV");
        check(9, "IX");
        check(49, "XLIX");
        check(1994, "MCMXCIV");
        check(3999, "MMMCMXCIX");
    }

    function testNothing() public {
        vm.expectRevert();
        roman.write(0);
    }

    function testTooLarge() public {
        vm.expectRevert();
        roman.write(4000);
    }
}
