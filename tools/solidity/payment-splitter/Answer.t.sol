// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract SplitterTest is Check {
    Splitter splitter;

    function setUp() public {
        address[] memory people = new address[](2);
        uint256[] memory shares = new uint256[](2);
        (people[0], people[1]) = (ANN, BOB);
        (shares[0], shares[1]) = (1, 3);
        splitter = new Splitter(people, shares);
        vm.deal(address(this), 100 ether);
    }

    function give(uint256 amount) private {
        (bool sent,) = address(splitter).call{value: amount}("");
        yes(sent);
    }

    function testByShares() public {
        give(8 ether);
        same(splitter.due(ANN), 2 ether);
        same(splitter.due(BOB), 6 ether);
        same(splitter.due(CAT), 0);
    }

    function testTakingDoesNotChangeOthers() public {
        give(8 ether);
        vm.prank(ANN);
        splitter.take();
        same(splitter.due(ANN), 0);
        same(splitter.due(BOB), 6 ether);
        give(4 ether);
        same(splitter.due(ANN), 1 ether);
        same(splitter.due(BOB), 9 ether);
        vm.prank(BOB);
        splitter.take();
        vm.prank(ANN);
        splitter.take();
        same(ANN.balance, 3 ether);
        same(BOB.balance, 9 ether);
    }

    function testNothingDue() public {
        give(8 ether);
        vm.expectRevert();
        vm.prank(CAT);
        splitter.take();
    }

    function testBadArrays() public {
        vm.expectRevert();
        new Splitter(new address[](1), new uint256[](2));
        vm.expectRevert();
        new Splitter(new address[](0), new uint256[](0));
        vm.expectRevert();
        new Splitter(new address[](1), new uint256[](1));
    }
}
