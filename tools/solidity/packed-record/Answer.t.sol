// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

import {Check} from "./Check.sol";
import "../src/Answer.sol";

contract PackedTest is Check {
    Packed packed = new Packed();

    function testLayout() public view {
        same(uint256(packed.pack(1, 0, 0, false)), 1 << 128);
        same(uint256(packed.pack(0, 1, 0, false)), 1 << 64);
        same(uint256(packed.pack(0, 0, 1, true)), (1 << 32) + 1);
    }

    function testThereAndBack() public view {
        bytes32 word = packed.pack(type(uint128).max, 123456789, 42, true);
        (uint128 amount, uint64 time, uint32 id, bool open) = packed.unpack(word);
        same(amount, type(uint128).max);
        same(time, 123456789);
        same(id, 42);
        yes(open);
    }

    function testBitsThatMustBeZero() public {
        vm.expectRevert();
        packed.unpack(bytes32(uint256(2)));
        vm.expectRevert();
        packed.unpack(bytes32(uint256(1 << 31)));
    }

    function testAnotherAmount() public view {
        bytes32 word = packed.pack(77, type(uint64).max, 5, true);
        yes(packed.withAmount(word, 3) == packed.pack(3, type(uint64).max, 5, true));
        yes(packed.withAmount(word, 0) == packed.pack(0, type(uint64).max, 5, true));
    }
}
