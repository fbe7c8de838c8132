import * as Config from "effect/Config"

/** Options of which each is a value, or is read from configuration; or a configuration of all of them. */
export type Configured<Options> =
  | Config.Config<Options>
  | { readonly [Name in keyof Options]: Options[Name] | Config.Config<NonNullable<Options[Name]>> }

/** The options, once configuration is there. Values are taken as they are, functions and services included. */
export const configured = <Options extends object>(options: Configured<Options>): Config.Config<Options> =>
  Config.isConfig(options)
    ? options
    : Config.all(Object.fromEntries(
      Object.entries(options).map((
        [name, option]
      ) => [name, Config.isConfig(option) ? option : Config.succeed(option)])
    )) as unknown as Config.Config<Options>
