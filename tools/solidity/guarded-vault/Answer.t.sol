// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract Greedy {
    Vault private vault;
    uint256 private rounds;

    constructor(Vault target) payable {
        vault = target;
        vault.deposit{value: msg.value}();
    }

    function attack() external {
        vault.withdraw(1 ether);
    }

    receive() external payable {
        if (rounds < 3) {
            rounds += 1;
            try vault.withdraw(1 ether) {} catch {}
        }
    }
}

contract VaultTest is Check {
    Vault vault = new Vault();

    function testDepositsAreReturned() public {
        vm.deal(ANN, 5 ether);
        vm.startPrank(ANN);
        vault.deposit{value: 5 ether}();
        vault.withdraw(2 ether);
        vm.stopPrank();
        same(vault.balanceOf(ANN), 3 ether);
        same(ANN.balance, 2 ether);
        same(address(vault).balance, 3 ether);
    }

    function testNoMoreThanTheCredit() public {
        vm.deal(ANN, 1 ether);
        vm.deal(address(this), 9 ether);
        vault.deposit{value: 9 ether}();
        vm.startPrank(ANN);
        vault.deposit{value: 1 ether}();
        vm.expectRevert();
        vault.withdraw(2 ether);
        vm.stopPrank();
    }

    function testReentryGainsNothing() public {
        vm.deal(address(this), 11 ether);
        vault.deposit{value: 10 ether}();
        Greedy greedy = new Greedy{value: 1 ether}(vault);
        try greedy.attack() {} catch {}
        yes(address(greedy).balance <= 1 ether);
        yes(address(vault).balance >= 10 ether);
    }
}
