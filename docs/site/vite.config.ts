import { defaultClientConditions, defineConfig } from "vite"

export default defineConfig({
  base: "./",
  resolve: { conditions: ["effect-encryption-sdk-source", ...defaultClientConditions] },
  cacheDir: "../../node_modules/.cache/vite-site",
  build: { target: "es2023", outDir: "../../dist-site", emptyOutDir: true }
})
