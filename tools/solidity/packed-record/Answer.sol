// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Packed {
    function pack(uint128 amount, uint64 time, uint32 id, bool open) external pure returns (bytes32) {
        uint256 word = uint256(amount) << 128 | uint256(time) << 64 | uint256(id) << 32;
        return bytes32(open ? word | 1 : word);
    }

    function unpack(bytes32 packed)
        external
        pure
        returns (uint128 amount, uint64 time, uint32 id, bool open)
    {
        uint256 word = uint256(packed);
        require(uint32(word) < 2, "bits set");
        return (uint128(word >> 128), uint64(word >> 64), uint32(word >> 32), word & 1 == 1);
    }

    function withAmount(bytes32 packed, uint128 amount) external pure returns (bytes32) {
        return bytes32(uint256(uint128(uint256(packed))) | uint256(amount) << 128);
    }
}
