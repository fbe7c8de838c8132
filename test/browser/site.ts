/** Drives the example page in Chromium: `node test/browser/site.ts`, as part of `npm run test:browser`. */
import * as assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium as driver } from "playwright"
import { build, preview } from "vite"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Where screenshots are left. Git ignores it. */
export const artefacts = join(root, "artefacts")

/** What was checked, one line each. Throws at what is not as it should be. */
export const driveSite = async (executablePath: string): Promise<ReadonlyArray<string>> => {
  const site = join(root, "docs/site")
  const shown: Array<string> = []
  await build({ root: site, configFile: join(site, "vite.config.ts"), logLevel: "error" })
  const server = await preview({
    root: site,
    configFile: join(site, "vite.config.ts"),
    preview: { port: 0, host: "127.0.0.1" },
    logLevel: "error"
  })
  const browser = await driver.launch({ executablePath })
  try {
    const page = await browser.newPage({ viewport: { width: 1200, height: 1500 } })
    const errors: Array<string> = []
    page.on("pageerror", (error) => errors.push(error.message))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text())
    })
    await page.goto(server.resolvedUrls!.local[0]!)
    const text = (id: string) => page.locator(`#${id}`).innerText()
    const encrypt = () => page.getByRole("button", { name: "Encrypt", exact: true }).click()
    const status = (pattern: RegExp) =>
      page.getByRole("status").filter({ hasText: pattern }).waitFor({ timeout: 10_000 })

    // By keyboard alone: from the address bar to the message, which is then sent.
    await page.keyboard.press("Tab")
    assert.equal(await page.evaluate("document.activeElement.id"), "text")
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("A message of thirty bytes, say")
    await page.keyboard.press("Enter")
    await status(/^Miss: encrypted for alice/)
    assert.equal(await text("calls"), "1")
    await encrypt()
    await status(/^Hit: encrypted for alice/)
    assert.deepEqual([await text("messages"), await text("calls"), await text("saved")], ["2", "1", "1"])
    assert.match(await text("entries"), /alice, to encrypt/)
    assert.match(await text("entries"), /2 of 5/)
    assert.match(await text("entries"), /60 of 200/)
    shown.push("encrypting twice, the first time by keyboard alone, makes one call to KMS")

    assert.match(await text("fields"), /0x0478 ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY/)
    assert.match(await text("fields"), /tenant = alice/)
    const hex = (await text("hex")).replaceAll(/\s/g, "")
    assert.ok(hex.startsWith("020478"))
    const lengths = await page.locator("#fields td:nth-child(3)").allInnerTexts()
    assert.equal(lengths.reduce((sum, length) => sum + Number(length), 0), hex.length / 2)
    shown.push("the message is taken apart into fields that make up its length")

    await page.getByLabel("Tenant").selectOption("bob")
    await page.getByLabel("Sign with").check()
    await encrypt()
    await status(/^Miss: encrypted for bob/)
    assert.match(await text("fields"), /Footer: the signature/)
    await page.getByRole("button", { name: "Decrypt" }).click()
    await status(/decrypted to “A message of thirty bytes, say”/)
    mkdirSync(artefacts, { recursive: true })
    await page.screenshot({ path: join(artefacts, "site.png"), fullPage: true })

    await page.getByRole("button", { name: "1 minute ahead" }).click()
    await page.locator("#log li", { hasText: "alice's encrypt key, by age: zeroed after 2 messages, 60 bytes" })
      .waitFor({ timeout: 10_000 })
    await page.locator("#entries .none").waitFor({ timeout: 10_000 })
    shown.push("past their maximum age the entries are evicted")
    const calls = Number(await text("calls"))
    await encrypt()
    await status(/^Miss: encrypted for bob/)
    assert.equal(Number(await text("calls")), calls + 1)

    await page.getByLabel("Maximum messages").focus()
    for (let press = 0; press < 4; press++) await page.keyboard.press("ArrowLeft")
    assert.equal(await page.locator("output[for=maxMessages]").innerText(), "1")
    await page.locator("#log li", { hasText: "by scope" }).first().waitFor({ timeout: 10_000 })
    for (let message = 0; message < 3; message++) await encrypt()
    await page.waitForFunction(`document.getElementById("calls").textContent === "${calls + 4}"`)
    shown.push("a slider, moved by keyboard, changes the policy")

    const unlabelled = await page.evaluate(
      `[...document.querySelectorAll("input, select, button, meter")].filter((control) =>
      (control.labels?.length ?? 0) === 0 && !control.ariaLabel && control.textContent.trim() === "").length`
    )
    assert.equal(unlabelled, 0)
    await page.setViewportSize({ width: 380, height: 900 })
    assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true)
    shown.push("every control has a name, and a narrow window needs no sideways scrolling")
    assert.deepEqual(errors, [])
    shown.push("the console stayed empty")
    return shown
  } finally {
    await browser.close()
    await server.close()
  }
}
