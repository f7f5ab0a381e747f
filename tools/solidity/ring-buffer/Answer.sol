// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Ring {
    uint256 private immutable size;
    uint256[] private values;
    uint256 private oldest;
    uint256 public sum;

    constructor(uint256 most) {
        size = most;
    }

    function count() public view returns (uint256) {
        return values.length;
    }

    function push(uint256 value) external {
        sum += value;
        if (values.length < size) {
            values.push(value);
            return;
        }
        sum -= values[oldest];
        values[oldest] = value;
        oldest = (oldest + 1) % size;
    }

    function at(uint256 i) external view returns (uint256) {
        require(i < values.length, "none");
        return values[(oldest + i) % size];
    }
}
