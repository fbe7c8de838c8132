/** The Chromium of the machine: that of `CHROMIUM_PATH`, or Debian's. */
import { existsSync } from "node:fs"

const paths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"
]

export const chromium = [process.env["CHROMIUM_PATH"], ...paths].find((path) => path !== undefined && existsSync(path))

/** What to do where there is none, in one line. */
export const missing =
  "test:browser needs Chromium. On Debian: apt-get install chromium-headless-shell; elsewhere set CHROMIUM_PATH"
