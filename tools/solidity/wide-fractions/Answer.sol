// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Fractions {
    function down(uint256 a, uint256 b, uint256 c) public pure returns (uint256 result) {
        (uint256 high, uint256 low) = product(a, b);
        require(c > high, "does not fit");
        uint256 rest = high;
        for (uint256 i = 0; i < 256; i++) {
            uint256 carry = rest >> 255;
            unchecked {
                rest = (rest << 1) | (low >> 255);
                low <<= 1;
                result <<= 1;
                if (carry == 1 || rest >= c) {
                    rest -= c;
                    result |= 1;
                }
            }
        }
    }

    function up(uint256 a, uint256 b, uint256 c) external pure returns (uint256 result) {
        result = down(a, b, c);
        if (mulmod(a, b, c) > 0) result += 1;
    }

    function product(uint256 a, uint256 b) private pure returns (uint256 high, uint256 low) {
        unchecked {
            uint256 all = mulmod(a, b, type(uint256).max);
            low = a * b;
            high = all - low;
            if (all < low) high -= 1;
        }
    }
}
