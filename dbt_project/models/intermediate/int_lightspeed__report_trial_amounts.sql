{{ config(materialized='table') }}

{{ report_amounts(ref('int_lightspeed__report_trials'), ref('int_lightspeed__report_sampled_days')) }}
