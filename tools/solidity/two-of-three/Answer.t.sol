// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract SharedTest is Check {
    Shared shared = new Shared(ANN, BOB, CAT);

    function setUp() public {
        vm.deal(address(shared), 10 ether);
    }

    function proposed() private returns (uint256 id) {
        vm.prank(ANN);
        id = shared.propose(payable(DAN), 2 ether);
    }

    function testTwoOwnersPay() public {
        uint256 id = proposed();
        same(id, 0);
        same(DAN.balance, 0);
        vm.prank(CAT);
        shared.approve(id);
        same(DAN.balance, 2 ether);
        same(proposed(), 1);
    }

    function testTheProposerIsOneVoice() public {
        uint256 id = proposed();
        vm.expectRevert();
        vm.prank(ANN);
        shared.approve(id);
    }

    function testNotPaidTwice() public {
        uint256 id = proposed();
        vm.prank(BOB);
        shared.approve(id);
        vm.expectRevert();
        vm.prank(CAT);
        shared.approve(id);
        same(DAN.balance, 2 ether);
    }

    function testStrangersAreReverted() public {
        uint256 id = proposed();
        vm.expectRevert();
        vm.prank(DAN);
        shared.approve(id);
        vm.expectRevert();
        vm.prank(DAN);
        shared.propose(payable(DAN), 1);
    }

    function testUnknownProposal() public {
        vm.expectRevert();
        vm.prank(BOB);
        shared.approve(7);
    }

    function testTooLittleEther() public {
        vm.prank(ANN);
        uint256 id = shared.propose(payable(DAN), 11 ether);
        vm.expectRevert();
        vm.prank(BOB);
        shared.approve(id);
    }
}
