// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract MembersTest is Check {
    Members members = new Members();

    function testAddAndRemove() public {
        yes(members.add(ANN));
        yes(!members.add(ANN));
        yes(members.has(ANN));
        same(members.count(), 1);
        yes(members.remove(ANN));
        yes(!members.remove(ANN));
        yes(!members.has(ANN));
        same(members.count(), 0);
    }

    function testRemovingFromTheMiddle() public {
        members.add(ANN);
        members.add(BOB);
        members.add(CAT);
        members.add(DAN);
        members.remove(BOB);
        members.remove(DAN);
        same(members.count(), 2);
        yes(members.has(ANN) && members.has(CAT));
        yes(members.at(0) != members.at(1));
        yes(members.remove(CAT));
        yes(members.at(0) == ANN);
        same(members.all().length, 1);
        yes(members.add(BOB));
        yes(members.at(1) == BOB);
    }

    function testBeyondTheEnd() public {
        members.add(ANN);
        vm.expectRevert();
        members.at(1);
    }

    function testConstantTime() public {
        for (uint160 i = 1; i <= 200; i++) members.add(address(i));
        uint256 before = gasleft();
        members.remove(address(uint160(100)));
        yes(before - gasleft() < 60_000);
    }
}
