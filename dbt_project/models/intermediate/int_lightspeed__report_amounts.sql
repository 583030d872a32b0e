{{ config(materialized='table') }}

{{ report_amounts(ref('int_lightspeed__report_readings'), ref('int_lightspeed__compared_days')) }}
