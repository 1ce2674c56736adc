// The git extension copies files into a new worktree with a native module of this name. All it
// needs of that is `cp`, which Node.js has as well; with this flag, that shares blocks on disk,
// too.
const { constants } = require("node:fs");
const { cp } = require("node:fs/promises");

exports.cp = (from, to, options) => cp(from, to, { mode: constants.COPYFILE_FICLONE, ...options });
