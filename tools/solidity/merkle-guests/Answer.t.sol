// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract GuestsTest is Check {
    function leaf(address who) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(who));
    }

    function join(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function guests() private returns (Guests) {
        return new Guests(join(join(leaf(ANN), leaf(BOB)), leaf(CAT)));
    }

    function proofOf(address sibling) private pure returns (bytes32[] memory proof) {
        proof = new bytes32[](2);
        proof[0] = leaf(sibling);
        proof[1] = leaf(CAT);
    }

    function testProofsInBothOrders() public {
        Guests list = guests();
        yes(list.isInvited(ANN, proofOf(BOB)));
        yes(list.isInvited(BOB, proofOf(ANN)));
        bytes32[] memory short = new bytes32[](1);
        short[0] = join(leaf(ANN), leaf(BOB));
        yes(list.isInvited(CAT, short));
    }

    function testStrangersAreNot() public {
        Guests list = guests();
        yes(!list.isInvited(DAN, proofOf(BOB)));
        yes(!list.isInvited(ANN, new bytes32[](0)));
        vm.expectRevert();
        vm.prank(DAN);
        list.enter(proofOf(BOB));
    }

    function testEntersOnce() public {
        Guests list = guests();
        vm.prank(ANN);
        list.enter(proofOf(BOB));
        yes(list.inside(ANN));
        yes(!list.inside(BOB));
        vm.expectRevert();
        vm.prank(ANN);
        list.enter(proofOf(BOB));
    }
}
