// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

contract Members {
    address[] private list;
    mapping(address => uint256) private place;

    function has(address who) public view returns (bool) {
        return place[who] != 0;
    }

    function count() external view returns (uint256) {
        return list.length;
    }

    function at(uint256 i) external view returns (address) {
        return list[i];
    }

    function all() external view returns (address[] memory) {
        return list;
    }

    function add(address who) external returns (bool) {
        if (has(who)) return false;
        list.push(who);
        place[who] = list.length;
        return true;
    }

    function remove(address who) external returns (bool) {
        uint256 position = place[who];
        if (position == 0) return false;
        address last = list[list.length - 1];
        list[position - 1] = last;
        place[last] = position;
        list.pop();
        delete place[who];
        return true;
    }
}
