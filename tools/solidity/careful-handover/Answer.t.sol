// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract HandoverTest is Check {
    Handover thing = new Handover();

    event Handed(address indexed from, address indexed to);

    function testTwoSteps() public {
        thing.offer(ANN);
        yes(thing.owner() == address(this));
        yes(thing.candidate() == ANN);
        vm.expectEmit(true, true, false, false);
        emit Handed(address(this), ANN);
        vm.prank(ANN);
        thing.accept();
        yes(thing.owner() == ANN);
        yes(thing.candidate() == address(0));
    }

    function testOnlyTheOwnerOffers() public {
        vm.expectRevert();
        vm.prank(ANN);
        thing.offer(ANN);
    }

    function testOnlyTheLastCandidateAccepts() public {
        thing.offer(ANN);
        thing.offer(BOB);
        vm.expectRevert();
        vm.prank(ANN);
        thing.accept();
        vm.prank(BOB);
        thing.accept();
        vm.expectRevert();
        vm.prank(BOB);
        thing.accept();
    }

    function testGivingUpIsForGood() public {
        thing.offer(ANN);
        thing.give_up();
        yes(thing.owner() == address(0));
        vm.expectRevert();
        vm.prank(ANN);
        thing.accept();
        vm.expectRevert();
        thing.offer(ANN);
    }
}
