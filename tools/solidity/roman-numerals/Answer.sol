// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Roman {
    function write(uint256 n) external pure returns (string memory text) {
        require(n > 0 && n < 4000, "outside");
        uint16[13] memory values = [1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1];
        string[13] memory signs =
            ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"];
        for (uint256 i = 0; i < 13; i++) {
            while (n >= values[i]) {
                text = string.concat(text, signs[i]);
                n -= values[i];
            }
        }
    }
}
