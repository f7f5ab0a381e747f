// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract EscrowTest is Check {
    Escrow escrow;

    function setUp() public {
        vm.deal(ANN, 4 ether);
        vm.prank(ANN);
        escrow = new Escrow{value: 3 ether}(payable(BOB), CAT);
    }

    function testBuyerReleases() public {
        vm.prank(ANN);
        escrow.release();
        same(BOB.balance, 3 ether);
    }

    function testSellerRefunds() public {
        vm.prank(BOB);
        escrow.refund();
        same(ANN.balance, 4 ether);
    }

    function testArbiterMayDoEither() public {
        vm.prank(CAT);
        escrow.refund();
        same(ANN.balance, 4 ether);
    }

    function testSellerMayNotRelease() public {
        vm.expectRevert();
        vm.prank(BOB);
        escrow.release();
    }

    function testBuyerMayNotRefund() public {
        vm.expectRevert();
        vm.prank(ANN);
        escrow.refund();
    }

    function testOnlyOnce() public {
        vm.startPrank(CAT);
        escrow.release();
        vm.deal(address(escrow), 1 ether);
        vm.expectRevert();
        escrow.refund();
        vm.stopPrank();
    }
}
