/** Scenes of the example page, in the order in which they are played. Each begins where the one before it ended. */
import * as assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright"

/** Folder of the screenshots. Git ignores it. */
export const artefacts = fileURLToPath(new URL("../../artefacts", import.meta.url))

/** Plays a part of the page, and returns what it has shown, in one line. Throws at what is not as it should be. */
export type Scene = (actor: Actor) => Promise<string>

type Actor = ReturnType<typeof actor>

/** The page, with its controls and outputs. */
export const actor = (page: Page) => {
  const text = (id: string) => page.locator(`#${id}`).innerText()
  const click = (name: string) => page.getByRole("button", { name, exact: true }).click()
  return {
    page,
    text,
    click,
    encrypt: () => click("Encrypt"),
    status: (pattern: RegExp) => page.getByRole("status").filter({ hasText: pattern }).waitFor({ timeout: 10_000 }),
    logged: (pattern: RegExp) => page.locator("#log li", { hasText: pattern }).first().waitFor({ timeout: 10_000 }),
    slide: async (label: string, presses: number) => {
      await page.getByLabel(label).focus()
      for (let press = 0; press < Math.abs(presses); press++) {
        await page.keyboard.press(presses < 0 ? "ArrowLeft" : "ArrowRight")
      }
    },
    entries: page.locator("#entries > li:not(.zeroed)"),
    /** The message that is shown, in hexadecimal. */
    hex: async () => (await text("hex")).replaceAll(/\s/g, ""),
    lengthOfFields: async () => {
      const lengths = await page.locator("#fields td:nth-child(3)").allInnerTexts()
      return lengths.reduce((total, length) => total + Number(length), 0)
    }
  }
}

/** Encrypts twice, the first time by keyboard alone: from the address bar to the message, which is then sent. */
const encryptingTwice: Scene = async ({ encrypt, page, status, text }) => {
  await page.keyboard.press("Tab")
  assert.equal(await page.evaluate("document.activeElement.id"), "text")
  await page.keyboard.press("ControlOrMeta+A")
  await page.keyboard.type("A message of thirty bytes, say")
  await page.keyboard.press("Enter")
  await status(/^Encrypted with the key alice #1: nothing in the cache, so KMS made a new data key/)
  assert.equal(await text("calls"), "1")
  await page.evaluate("window.firstEntry = document.querySelector('#entries > li')")
  await encrypt()
  await status(/^Encrypted with the key alice #1: a cached key, .* 2 messages and 60 bytes/)
  assert.deepEqual([await text("messages"), await text("calls"), await text("saved")], ["2", "1", "1"])
  assert.match(await text("entries"), /alice #1, to encrypt/)
  assert.match(await text("entries"), /0x0478, not signed/)
  assert.match(await text("entries"), /2 of 8/)
  assert.match(await text("entries"), /60 of 200/)
  assert.equal(await page.evaluate("window.firstEntry === document.querySelector('#entries > li')"), true)
  return "encrypting twice, the first time by keyboard alone, makes one call to KMS"
}

/** The fields of the message. */
const fields: Scene = async ({ hex, lengthOfFields, text }) => {
  assert.match(await text("fields"), /0x0478 ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY/)
  assert.match(await text("fields"), /tenant = alice/)
  assert.match(await text("fields"), /Final frame: IV/)
  assert.ok((await hex()).startsWith("020478"))
  assert.equal(await lengthOfFields(), (await hex()).length / 2)
  return "the message is taken apart into fields that make up its length"
}

/** A field and its bytes, under the pointer and the focus. */
const highlight: Scene = async ({ hex, page }) => {
  const lit = (id: string) => page.locator(`#${id} .lit`).innerText()
  await page.locator("#fields tr").nth(2).hover()
  assert.equal(await lit("hex"), (await hex()).slice(6, 70))
  await page.locator("#hex span").first().focus()
  await page.keyboard.press("ArrowRight")
  assert.equal(await lit("hex"), "0478")
  assert.match(await lit("fields"), /^Algorithm suite/)
  return "a field and its bytes light up together, by pointer and by keyboard"
}

/** A signed message of another tenant, and the age of both entries. */
const expiry: Scene = async ({ click, encrypt, entries, logged, page, status, text }) => {
  await page.getByLabel("Tenant").selectOption("bob")
  await page.getByLabel("Sign with").check()
  await encrypt()
  await status(/^Encrypted with the key bob #1: nothing in the cache/)
  assert.match(await text("entries"), /0x0578, ECDSA P-384/)
  assert.match(await text("fields"), /Footer: the signature/)
  await click("Decrypt the last one")
  await status(/^Decrypted to “A message of thirty bytes, say”: nothing in the cache, so KMS unwrapped the data key/)
  mkdirSync(artefacts, { recursive: true })
  await page.screenshot({ path: join(artefacts, "site.png"), fullPage: true })

  await click("1 minute ahead")
  await logged(/alice #1, to encrypt: too old\. Zeroed after 2 messages, 60 bytes and/)
  await page.getByText("Empty. The next message needs a call to KMS.").waitFor({ timeout: 10_000 })
  assert.equal(await entries.count(), 0)
  await page.waitForFunction("document.querySelectorAll('#entries > li').length === 0")
  const calls = Number(await text("calls"))
  await encrypt()
  await status(/^Encrypted with the key bob #2: nothing in the cache/)
  assert.equal(Number(await text("calls")), calls + 1)
  return "past their maximum age the entries are evicted"
}

/** Messages at once and one after another. */
const flights: Scene = async ({ click, logged, page, status, text }) => {
  const calls = Number(await text("calls"))
  await page.getByLabel("Tenant").selectOption("carol")
  await click("5 at once, cold")
  await status(/^5 messages, at once, on a cold cache: 1 asked KMS, 4 shared that answer\.$/)
  assert.equal(Number(await text("calls")), calls + 1)
  await logged(/joined.*carol #1: another request had just asked KMS/)
  await click("Encrypt ×10")
  await status(/^10 messages, one after another: 8 used a cached key, 2 asked KMS\.$/)
  assert.equal(Number(await text("calls")), calls + 3)
  return "five at once on a cold cache share one call to KMS"
}

/** A forged message. */
const forgery: Scene = async ({ click, page, status }) => {
  await click("Flip a bit, then decrypt")
  await status(/^AuthenticationFailed: one bit of byte \d+ was flipped, and nothing was decrypted/)
  assert.match(await page.locator("#fields .changed").innerText(), /^Final frame: ciphertext/)
  return "a message with one bit flipped is refused"
}

/** A change of the policy. */
const policy: Scene = async ({ encrypt, entries, logged, page, slide, status, text }) => {
  const size = await entries.count()
  assert.ok(size > 0)
  await slide("Maximum messages", -7)
  assert.equal(await page.getByLabel("Maximum messages").getAttribute("aria-valuetext"), "1")
  await status(new RegExp(`^New policy: ${size} (entry|entries) evicted and zeroed\\.$`))
  await logged(/the policy changed/)
  assert.equal(await page.locator("#log li", { hasText: "the policy changed" }).count(), size)
  await page.getByText("A key for one message is used up by that message").waitFor()
  await page.waitForTimeout(600)
  assert.match(await text("status"), new RegExp(`^New policy: ${size} `))
  const before = Number(await text("calls"))
  for (let message = 0; message < 3; message++) await encrypt()
  await page.waitForFunction(`document.getElementById("calls").textContent === "${before + 3}"`)
  return "a slider, moved by keyboard, changes the policy once, and the page says what that evicted"
}

/** A capacity of 0. */
const noCapacity: Scene = async ({ encrypt, page, slide, status }) => {
  await page.getByLabel("Sign with").uncheck()
  await slide("Capacity", -3)
  await status(/^New policy: the cache held no entry\.$/)
  await page.getByText("Nothing is kept at a capacity of 0").waitFor()
  await encrypt()
  await status(/past the cache, since the capacity is 0: KMS made a new data key/)
  // Back to where it was before the pause is over: nothing has changed.
  await slide("Capacity", 1)
  await slide("Capacity", -1)
  await page.waitForTimeout(600)
  await status(/past the cache/)
  return "at a capacity of 0 the page says why nothing is kept"
}

/** A message of 13,000 characters. */
const longMessage: Scene = async ({ click, encrypt, hex, lengthOfFields, page, status, text }) => {
  const long = "x".repeat(13_000)
  await page.getByLabel("Message", { exact: true }).fill(long)
  await encrypt()
  await page.getByRole("button", { name: "Show all bytes" }).waitFor()
  const height = Number(await page.evaluate("document.documentElement.scrollHeight"))
  assert.ok(height < 4000, `the page is ${height} pixels high`)
  assert.match(await text("hex"), /… 3,896 more/)
  assert.ok(await lengthOfFields() > 13_000)
  await click("Show all bytes")
  assert.equal((await hex()).length / 2, await lengthOfFields())
  await click("Show less")
  await click("Decrypt the last one")
  await status(/^Decrypted to “x{200}… and 12,800 more characters”/)
  return "of a long message the beginning is shown, and all of it on demand"
}

/** Names of the controls, and the layout of a narrow window. */
const layout: Scene = async ({ page }) => {
  const unlabelled = await page.evaluate(
    `[...document.querySelectorAll("input, select, button, meter")].filter((control) =>
    (control.labels?.length ?? 0) === 0 && !control.ariaLabel && control.textContent.trim() === "").length`
  )
  assert.equal(unlabelled, 0)
  assert.equal(await page.getByRole("status").count(), 1)
  await page.setViewportSize({ width: 360, height: 900 })
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true)
  // In one step, since the page may draw them again at any time.
  const places = async (selector: string) =>
    await page.evaluate(
      `[...document.querySelectorAll(${
        JSON.stringify(selector)
      })].map((element) => element.getBoundingClientRect().toJSON())`
    ) as ReadonlyArray<{ readonly x: number; readonly y: number; readonly width: number }>
  const cells = await places("#fields tr:nth-child(9) td")
  assert.ok(cells.length > 0)
  for (const { width, x } of cells) assert.ok(x >= 0 && x + width <= 360)
  const tops = []
  for (const section of ["write", "cache", "policy", "bytes"]) {
    const [place] = await places(`section.${section}`)
    tops.push(place!.y)
  }
  assert.deepEqual(tops, tops.toSorted((a, b) => a - b))
  const narrowHeight = Number(await page.evaluate("document.documentElement.scrollHeight"))
  assert.ok(narrowHeight < 7500, `the narrow page is ${narrowHeight} pixels high`)
  await page.screenshot({ path: join(artefacts, "site-narrow.png"), fullPage: true })
  return "every control has a name, and a narrow window needs no sideways scrolling, the cache before the policy"
}

export const scenes: ReadonlyArray<Scene> = [
  encryptingTwice,
  fields,
  highlight,
  expiry,
  flights,
  forgery,
  policy,
  noCapacity,
  longMessage,
  layout
]
