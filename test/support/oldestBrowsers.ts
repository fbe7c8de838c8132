/** The oldest browsers that the package supports, by their names in documentation. */
export const oldestBrowsers = { Chromium: "110", Firefox: "115", Safari: "16.4" } as const
