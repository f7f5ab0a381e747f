// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract GuestbookTest is Check {
    Guestbook book = new Guestbook();

    function testCountsEachVisitor() public {
        vm.prank(ANN);
        book.sign();
        vm.startPrank(BOB);
        book.sign();
        book.sign();
        vm.stopPrank();
        same(book.visits(ANN), 1);
        same(book.visits(BOB), 2);
        same(book.total(), 3);
    }

    function testResetTakesVisitsOff() public {
        vm.prank(ANN);
        book.sign();
        book.sign();
        book.reset(ANN);
        same(book.visits(ANN), 0);
        same(book.total(), 1);
    }

    function testOnlyTheKeeperResets() public {
        vm.expectRevert();
        vm.prank(ANN);
        book.reset(BOB);
    }
}
