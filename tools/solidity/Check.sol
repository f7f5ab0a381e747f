// SPDX-License-Identifier: UNLICENSED
pragma solidity ^0.8.20;

interface Vm {
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function deal(address who, uint256 balance) external;
    function warp(uint256 time) external;
    function expectRevert() external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
}

/// What the tests of all tasks share: people, and assertions that say what differs.
abstract contract Check {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address internal constant ANN = address(0xA11CE);
    address internal constant BOB = address(0xB0B);
    address internal constant CAT = address(0xCA7);
    address internal constant DAN = address(0xDA11);

    error Differs(uint256 told, uint256 expected);

    function same(uint256 told, uint256 expected) internal pure {
        if (told != expected) revert Differs(told, expected);
    }

    function yes(bool told) internal pure {
        require(told, "expected true");
    }
}
