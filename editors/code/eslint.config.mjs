/** Type-aware rules. Floating promises are the main bug class of extensions. */
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "dist-test/", "src/generated/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ["tsconfig.json", "src/ui/tsconfig.json"] },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "max-lines-per-function": ["error", { max: 70 }],
      "max-lines": ["error", { max: 400 }],
    },
  },
  {
    // These folders are tested without an editor, so they must not import it.
    files: ["src/lib/**", "src/host/**", "src/ui/**"],
    rules: { "no-restricted-imports": ["error", "vscode"] },
  },
  {
    files: ["test/**"],
    rules: {
      // The runner awaits the promises of node:test itself.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            { from: "package", name: ["test", "it", "describe"], package: "node:test" },
          ],
        },
      ],
      "max-lines-per-function": "off",
      // The editor's own URI class comes from this same package, under another name.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
    },
  },
);
