// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Sorted {
    function first(uint256[] memory a, uint256 x) public pure returns (uint256 low) {
        uint256 high = a.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (a[middle] < x) low = middle + 1;
            else high = middle;
        }
    }

    function occurrences(uint256[] memory a, uint256 x) external pure returns (uint256) {
        uint256 end = x == type(uint256).max ? a.length : first(a, x + 1);
        return end - first(a, x);
    }
}
