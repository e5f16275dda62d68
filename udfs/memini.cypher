// Macros that every Kùzu client has in a store's file: the state of an association at any time, exactly.
// $names are filled in from the store's parameters when the store is made; they are the constants of
// memini_kuzu.dynamics.Spectrum. A `now` before the last event counts as the time of that event.
//
// No CASE and no lambda: a file with a macro that holds one cannot be opened again (Kùzu 0.11.3).

// Days from the association's last event to now.
CREATE MACRO memini_days(e, now) AS
    CAST(to_epoch_ms(greatest(now, e.as_of)) - to_epoch_ms(e.as_of), 'DOUBLE') / 86400000.0;

// w_f, the fast variable: how strong the association is now. Recall reads it. Two exponentials, each written once:
// the macro's text is compiled with every query.
CREATE MACRO memini_fast(e, now) AS
    ($share_slow * e.fast + $exchange * e.slow) * pow(2.718281828459045, -$rate_slow * memini_days(e, now))
  + ($share_fast * e.fast - $exchange * e.slow) * pow(2.718281828459045, -$rate_fast * memini_days(e, now));

// w_s, the slow variable: how consolidated it is.
CREATE MACRO memini_slow(e, now) AS
    ($share_fast * e.slow + $feed * e.fast) * pow(2.718281828459045, -$rate_slow * memini_days(e, now))
  + ($share_slow * e.slow - $feed * e.fast) * pow(2.718281828459045, -$rate_fast * memini_days(e, now));

// What an event added to the fast variable, from an element of event_amounts, exactly.
CREATE MACRO memini_amount(bits) AS
    pow(2.0, bits / 4503599627370496 - 1023) * (1.0 + bits % 4503599627370496 / 4503599627370496.0);
