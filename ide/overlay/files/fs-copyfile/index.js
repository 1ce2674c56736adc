// The git extension copies files into a new worktree with a native module of this name; it needs
// nothing of it but `cp`, which Node.js has, and shares blocks on the disk by this flag as well.
const { constants } = require("node:fs");
const { cp } = require("node:fs/promises");

exports.cp = (from, to, options) => cp(from, to, { mode: constants.COPYFILE_FICLONE, ...options });
