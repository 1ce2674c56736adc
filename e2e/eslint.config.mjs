/**
 * Rules for the scripts that are not fully type-checked: the stories, the files laid over the
 * editor, the scripts of the native window's page, and what calls users' functions. Run it from the
 * repository's root, which the patterns are relative to. Undeclared names are left to TypeScript
 * (`tsconfig.json`).
 */
import js from "@eslint/js";

const EDITOR_FILES = ["ide/overlay/**/*.js", "crates/desktop/src/*.js"];

export default [
  {
    ...js.configs.recommended,
    rules: {
      ...js.configs.recommended.rules,
      "no-undef": "off",
      curly: "error",
      eqeqeq: "error",
      "no-constant-binary-expression": "error",
      "no-self-compare": "error",
      "no-template-curly-in-string": "error",
      "no-unreachable-loop": "error",
      "no-unused-vars": ["error", { caughtErrors: "all", args: "after-used" }],
      "no-useless-assignment": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "max-lines": ["error", { max: 800 }],
    },
  },
  {
    files: EDITOR_FILES,
    // An ES module: its package declares so by its exports.
    ignores: ["ide/overlay/files/deviceid/index.js"],
    languageOptions: { sourceType: "script" },
  },
];
