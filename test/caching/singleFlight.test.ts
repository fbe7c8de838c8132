/** The transitions of single flight by themselves: no cache, no clock, no fibers. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import type { Limits } from "../../src/caching/internal/limits.ts"
import * as singleFlight from "../../src/caching/internal/singleFlight.ts"
import { noUsage, plus } from "../../src/caching/internal/usage.ts"
import { arbitraryInt } from "../support/arbitraryBytes.ts"

type Flight = singleFlight.Flight<singleFlight.Waiter>

const limitsOf = (messages: number, bytes: number): Limits => ({
  maxAgeMillis: 1,
  maxMessagesEncrypted: messages,
  maxBytesEncrypted: BigInt(bytes)
})

const message = (bytes: number) => ({ messages: 1, bytes: BigInt(bytes) })

const reserve = (flight: Flight, charge = message(1), leader = false): singleFlight.Waiter => {
  const waiter = { charge, leader }
  singleFlight.reserve(flight, waiter)
  return waiter
}

const opened = (flights: singleFlight.Flights<Flight>, trigger: Flight["trigger"] = "request", key = "key"): Flight => {
  const flight = singleFlight.unreserved<singleFlight.Waiter>(key, trigger)
  singleFlight.open(flights, flight)
  return flight
}

/** Joins the open flight where the request fits, and opens another one where it does not. */
const admit = (
  flights: singleFlight.Flights<Flight>,
  charge: singleFlight.Waiter["charge"],
  limits: Limits
): Flight => {
  const open = flights.open.get("key")
  const joins = open !== undefined && !open.settled && singleFlight.fits(open, charge, limits)
  const flight = joins ? open : opened(flights)
  reserve(flight, charge, !joins)
  return flight
}

describe("open flights", () => {
  it("there is one for each key: a new one closes the one before it to newcomers", () => {
    const flights = singleFlight.make<Flight>()
    const [first, other, second] = [opened(flights), opened(flights, "request", "other"), opened(flights)]
    assert.deepStrictEqual([first, other, second].map((flight) => singleFlight.isOpen(flights, flight)), [
      false,
      true,
      true
    ])
    assert.deepStrictEqual([...flights.unsettled], [first, other, second], "all of them go on")
    singleFlight.close(flights, first)
    assert.isTrue(singleFlight.isOpen(flights, second), "what was closed before closes no other")
  })

  it("settling leaves a flight as open as it was: its entry is on the way into the cache", () => {
    const flights = singleFlight.make<Flight>()
    const flight = opened(flights)
    assert.isTrue(singleFlight.settle(flights, flight))
    assert.isTrue(singleFlight.isOpen(flights, flight))
    assert.strictEqual(flights.unsettled.size, 0)
    assert.isFalse(singleFlight.settle(flights, flight), "but once")
    assert.isFalse(singleFlight.fail(flights, flight), "and what has succeeded does not fail")
    assert.isTrue(singleFlight.isOpen(flights, flight))
  })

  it("failing closes a flight", () => {
    const flights = singleFlight.make<Flight>()
    const flight = opened(flights)
    assert.isTrue(singleFlight.fail(flights, flight))
    assert.isFalse(singleFlight.isOpen(flights, flight))
    assert.isTrue(flight.settled)
    assert.isFalse(singleFlight.fail(flights, flight), "but once")
  })

  it("failing closes no other flight of its key", () => {
    const flights = singleFlight.make<Flight>()
    const [first, second] = [opened(flights), opened(flights)]
    singleFlight.fail(flights, first)
    assert.isTrue(singleFlight.isOpen(flights, second))
  })
})

describe("reservations", () => {
  it("meeting a limit exactly is within it", () => {
    const flight = opened(singleFlight.make())
    reserve(flight, message(4))
    assert.isTrue(singleFlight.fits(flight, message(6), limitsOf(2, 10)))
    assert.isFalse(singleFlight.fits(flight, message(7), limitsOf(2, 10)))
    assert.isFalse(singleFlight.fits(flight, message(6), limitsOf(1, 10)))
  })

  it("return with an interrupted waiter, once, while the fetch is unsettled", () => {
    const flights = singleFlight.make<Flight>()
    const flight = opened(flights)
    const [first, second] = [reserve(flight, message(4), true), reserve(flight, message(5))]
    assert.isFalse(singleFlight.leave(flight, first))
    assert.isFalse(singleFlight.leave(flight, first))
    assert.deepStrictEqual(flight.reserved, message(5))
    singleFlight.settle(flights, flight)
    assert.isFalse(singleFlight.leave(flight, second))
    assert.deepStrictEqual(flight.reserved, message(5), "the data key was charged by then")
  })

  it("the last waiter abandons a fetch for requests, and no refresh", () => {
    for (const trigger of ["request", "refresh"] as const) {
      const flight = opened(singleFlight.make(), trigger)
      assert.strictEqual(singleFlight.leave(flight, reserve(flight)), trigger === "request")
      assert.deepStrictEqual(flight.reserved, noUsage)
    }
  })

  it("are charged in the order of admission", () => {
    const flight = opened(singleFlight.make())
    const waiters = [reserve(flight, message(1), true), reserve(flight, message(2)), reserve(flight, message(3))]
    singleFlight.leave(flight, waiters[1]!)
    assert.deepStrictEqual(singleFlight.inTurn(flight), [
      { waiter: waiters[0]!, usage: { messages: 1, bytes: 1n } },
      { waiter: waiters[2]!, usage: { messages: 2, bytes: 4n } }
    ])
  })

  it.prop(
    "N requests of b bytes open ceil(N / min(L, floor(B / b))) flights, each filled to the brim but the last",
    [Arbitrary.all({
      requests: arbitraryInt(1, 40),
      length: arbitraryInt(0, 6),
      messages: arbitraryInt(1, 12),
      bytes: arbitraryInt(6, 40)
    })],
    ([{ bytes, length, messages, requests }]) => {
      const flights = singleFlight.make<Flight>()
      const admitted = Array.from(
        { length: requests },
        () => admit(flights, message(length), limitsOf(messages, bytes))
      )
      const room = Math.min(messages, length === 0 ? Infinity : Math.floor(bytes / length))
      const sizes = [...new Set(admitted)].map(({ waiters }) => waiters.size)
      assert.strictEqual(sizes.length, Math.ceil(requests / room))
      assert.isTrue(sizes.slice(0, -1).every((size) => size === room))
      assert.isTrue(
        admitted.every((flight, index) =>
          index === 0 || !singleFlight.isOpen(flights, admitted[index - 1]!) ||
          flight === admitted[index - 1]
        )
      )
    },
    { arbitrary: { seed: "bursts of transitions", runs: 300 } }
  )

  it.prop(
    "whatever happens: what is reserved is what the waiters reserved, within the limits; what is closed or settled stays so",
    [Arbitrary.array(Arbitrary.all({ kind: arbitraryInt(0, 9), which: arbitraryInt(0, 20) }), {
      minLength: 1,
      maxLength: 60
    })],
    ([steps]) => {
      const limits = limitsOf(4, 12)
      const flights = singleFlight.make<Flight>()
      const all: Array<Flight> = []
      let closed = new Set<Flight>()
      let settled = new Set<Flight>()
      for (const { kind, which } of steps) {
        const flight = all[which % all.length]
        if (kind < 5 || flight === undefined) {
          const joined = admit(flights, message(which % 7), limits)
          if (!all.includes(joined)) all.push(joined)
        } else if (kind < 7) {
          const waiter = [...flight.waiters][which % Math.max(1, flight.waiters.size)]
          if (waiter !== undefined && singleFlight.leave(flight, waiter)) singleFlight.fail(flights, flight)
        } else if (kind === 7) singleFlight.settle(flights, flight)
        else if (kind === 8) singleFlight.fail(flights, flight)
        else singleFlight.close(flights, flight)
        for (const each of all) {
          const sum = [...each.waiters].reduce((total, { charge }) => plus(total, charge), noUsage)
          assert.deepStrictEqual(each.reserved, sum)
          assert.isTrue(each.waiters.size <= 1 || singleFlight.fits(each, noUsage, limits))
          assert.strictEqual(flights.unsettled.has(each), !each.settled)
          assert.isFalse(closed.has(each) && singleFlight.isOpen(flights, each), "open again")
          assert.isFalse(settled.has(each) && !each.settled, "unsettled again")
        }
        closed = new Set(all.filter((each) => !singleFlight.isOpen(flights, each)))
        settled = new Set(all.filter((each) => each.settled))
        assert.isTrue(all.length - closed.size <= 1, "one open flight of a key")
      }
    },
    { arbitrary: { seed: "transitions", runs: 500 } }
  )
})
