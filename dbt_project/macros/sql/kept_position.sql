{#-
    A station's position that counts, over a window of what is stated, in its order: the one before, as long as both coordinates are
    within the var position_tolerance_degrees of it; else what is stated. An array of latitude and longitude.
-#}
{% macro kept_position(latitude, longitude, window) -%}
    {{ return(adapter.dispatch('kept_position', 'velib')(latitude, longitude, window)) }}
{%- endmacro %}
{% macro default__kept_position(latitude, longitude, window) -%}
    intermediate.kept_position({{ latitude }}, {{ longitude }}, {{ var('position_tolerance_degrees') }}) over {{ window }}
{%- endmacro %}

{#- It depends on all that was stated before, which no window function can say: an aggregate of our own. -#}
{% macro create_kept_position() %}
    do $$
    begin
        if to_regprocedure('intermediate.kept_position(float8, float8, float8)') is null then
            create or replace function intermediate.next_position(
                kept float8 [], latitude float8, longitude float8, tolerance float8
            )
            returns float8 [] language plpgsql immutable parallel safe as $body$
            begin
                if abs(latitude - kept[1]) <= tolerance and abs(longitude - kept[2]) <= tolerance then
                    return kept;
                end if;
                return array[latitude, longitude];
            end
            $body$;
            create aggregate intermediate.kept_position(float8, float8, float8) (
                sfunc = intermediate.next_position, stype = float8 []
            );
        end if;
    exception
        when duplicate_function or unique_violation then null;  -- another run makes it
    end
    $$;
{% endmacro %}
