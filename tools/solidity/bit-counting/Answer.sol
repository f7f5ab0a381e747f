// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Bits {
    function ones(uint256 x) external pure returns (uint256 count) {
        while (x != 0) {
            x &= x - 1;
            count += 1;
        }
    }

    function highest(uint256 x) external pure returns (uint256 position) {
        require(x != 0, "no bit");
        for (uint256 step = 128; step > 0; step >>= 1) {
            if (x >> step != 0) {
                x >>= step;
                position += step;
            }
        }
    }

    function reversed(uint256 x) external pure returns (uint256 result) {
        for (uint256 i = 0; i < 256; i++) {
            result = (result << 1) | (x & 1);
            x >>= 1;
        }
    }
}
