// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract SealedTest is Check {
    Sealed secret = new Sealed();

    function play(address who, uint256 number) private {
        vm.startPrank(who);
        secret.commit(keccak256(abi.encode(who, number, bytes32("salt"))));
        secret.reveal(number, "salt");
        vm.stopPrank();
    }

    function testLargestLeads() public {
        play(ANN, 5);
        play(BOB, 9);
        play(CAT, 7);
        same(secret.best(), 9);
        yes(secret.leader() == BOB);
    }

    function testFirstOfEqualsLeads() public {
        play(ANN, 0);
        yes(secret.leader() == ANN);
        play(BOB, 0);
        yes(secret.leader() == ANN);
    }

    function testAnotherNumber() public {
        vm.startPrank(ANN);
        secret.commit(keccak256(abi.encode(ANN, uint256(5), bytes32("salt"))));
        vm.expectRevert();
        secret.reveal(6, "salt");
        vm.stopPrank();
    }

    function testACopiedSeal() public {
        bytes32 seal = keccak256(abi.encode(ANN, uint256(5), bytes32("salt")));
        vm.startPrank(BOB);
        secret.commit(seal);
        vm.expectRevert();
        secret.reveal(5, "salt");
        vm.stopPrank();
    }

    function testOneSealEach() public {
        vm.startPrank(ANN);
        secret.commit("a");
        vm.expectRevert();
        secret.commit("b");
        vm.stopPrank();
        vm.expectRevert();
        secret.commit(0);
    }

    function testRevealedOnce() public {
        play(ANN, 5);
        vm.expectRevert();
        vm.prank(ANN);
        secret.reveal(5, "salt");
    }
}
