/**
 * Rules for the scripts that no compiler sees whole: the stories, what is laid over the editor, and
 * what runs in the native window's page. Run from the repository's root, which is what the patterns
 * are relative to. Names that nothing declares are TypeScript's to find (`tsconfig.json`).
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
    // Its package says so by what it exports.
    ignores: ["ide/overlay/files/deviceid/index.js"],
    languageOptions: { sourceType: "script" },
  },
];
