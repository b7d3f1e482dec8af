// One die: N units, their weights, and a part of the sums of the units in its row of dies.
//
// All dies are the same netlist; the straps `row` and `col` and CONFIG say which part is whose.
// Weights, features and h are spread over the columns; a row adds up from left to right, and its last die
// has the tables and holds c. Every output is a register, and no wire inside the array says
// `ready`: the schedule (sequencer.sv) is static. Arithmetic: docs/munt-spec-0.md.
module die #(
    parameter int N = 96,        // units, and multipliers
    parameter int NX = 123,      // rows of weights for features, per gate; N more are for h
    parameter int CONTEXTS = 4,  // states of streams that it holds, a power of two
    parameter int KAPPA = 2,     // cycles per beat of a link, 2 or more
    parameter int PARITY = 1     // 0: bits are stored and sent all the same, but not checked
) (
    input  logic       clk,
    input  logic       reset,
    input  logic [7:0] row,
    input  logic [7:0] col,
    // The in-bus: from the host, or h from the ends of the rows.
    input  logic       bus_valid,
    input  logic       bus_command,
    input  logic [7:0] bus_data,
    input  logic       bus_parity,
    // Sums from the die on the left, and to the one on the right.
    input  logic       west_valid,
    input  logic [7:0] west_data,
    input  logic       west_parity,
    output logic       east_valid,
    output logic [7:0] east_data,
    output logic       east_parity,
    // What it drives onto the in-bus.
    output logic       back_valid,
    output logic [7:0] back_data,
    output logic       back_parity
`ifdef FAULT_INJECT
    // A fault for the coming edge: what (39:32), where (31:16), which bit (15:0). 1 weight row, 2 element,
    // 3 c, 4 table; 5 sum to the right, 6 h or answer, both while they are there; 7 dead while held.
    , input logic [39:0] inject
`endif
);
    localparam int ROWS = 4 * (NX + N) + 4;
    localparam int BIAS_ROW = ROWS - 4;
    localparam int ROW_BITS = $clog2(ROWS);
    localparam int CONTEXT_BITS = $clog2(CONTEXTS > 1 ? CONTEXTS : 2);
    localparam int SLICE_BITS = $clog2(NX + N);
    localparam int ELEMENT_BITS = CONTEXT_BITS + SLICE_BITS;

    // --- what arrives ---------------------------------------------------------------------
    logic       take, flag, beat_bad;
    logic [7:0] data;

    beat_receiver #(.KAPPA(KAPPA), .PARITY(PARITY)) from_bus (
        .clk, .reset, .line_valid(bus_valid), .line_flag(bus_command), .line_data(bus_data),
        .line_parity(bus_parity), .take, .flag, .data, .bad(beat_bad)
    );

    logic [7:0]  columns, row_units, units, x_slice, h_slice, region;
    logic [15:0] inputs, hidden, address, bytes;
    logic        start, clear, write, read;
    logic [CONTEXT_BITS-1:0] context_id;
    logic [3:0]  phase;
    logic        idle;

    bus_decoder #(.CONTEXT_BITS(CONTEXT_BITS)) decoder (
        .clk, .reset, .row, .col, .idle, .take, .flag, .data, .columns, .row_units, .units,
        .x_slice, .h_slice, .inputs, .hidden, .start, .clear, .context_id, .write, .region, .address,
        .read, .bytes
    );

    // --- where in the step ----------------------------------------------------------------
    logic [1:0]  gate;
    logic [15:0] index;
    logic        beat_here, high_here, index_last, last;

    sequencer #(.KAPPA(KAPPA)) sequencer (
        .clk, .reset, .start, .inputs, .hidden, .row_units,
        .rows(9'(x_slice) + 9'(h_slice)), .columns, .phase, .gate, .index, .beat_here, .high_here,
        .index_last, .last
    );

    assign idle = phase == phases::IDLE;
    wire loads_x = phase == phases::X;
    wire returns_h = phase == phases::H;
    wire multiplies = phase == phases::MAC;
    wire ends_row = columns != 8'd0 && col == columns - 8'd1;

    // --- READ ------------------------------------------------------------------------------
    logic        fetch, fetched_launch, told;
    logic [7:0]  fetch_region, position;
    logic [15:0] fetch_address;

    bus_reader #(.N(N), .KAPPA(KAPPA)) reader (
        .clk, .reset, .begins(read), .wanted_region(region), .wanted_address(address),
        .wanted_bytes(bytes), .fetch, .region(fetch_region), .address(fetch_address),
        .position, .launch(fetched_launch), .done(told)
    );

    wire fetch_weights = fetch && fetch_region == bus::WEIGHTS;
    wire fetch_bias = fetch && fetch_region == bus::BIASES;
    wire fetch_x = fetch && fetch_region == bus::FEATURES;
    wire fetch_h = fetch && fetch_region == bus::HIDDEN;
    wire fetch_table = fetch && fetch_region == bus::TABLES;
    wire fetch_cell = fetch && fetch_region == bus::CELLS;

    // --- WRITE -----------------------------------------------------------------------------
    // Data bytes are gathered into words; a word that is whole is written in the next cycle.
    logic [8*N-1:0] gathered;        // the newest byte on top
    logic [7:0]     gathered_bytes;
    logic [15:0]    words_before;    // of this WRITE
    logic           row_whole, cell_whole;
    wire            writes_row = region == bus::WEIGHTS || region == bus::BIASES;

    wire [15:0] write_address = address + words_before;
    wire word_whole = gathered_bytes + 8'd1
        == (writes_row ? 8'(N) : region == bus::CELLS ? 8'd2 : 8'd1);

    always_ff @(posedge clk) begin
        row_whole <= write && word_whole && writes_row && !reset;
        cell_whole <= write && word_whole && region == bus::CELLS && !reset;
        if (reset || (take && flag)) begin
            gathered_bytes <= 8'd0;
            words_before <= 16'd0;
        end else begin
            if (write) begin
                gathered <= {data, gathered[8*N-1:8]};
                gathered_bytes <= word_whole ? 8'd0 : gathered_bytes + 8'd1;
            end
            if (row_whole || cell_whole || (write && word_whole && !writes_row && region != bus::CELLS))
                words_before <= words_before + 16'd1;
        end
    end

    // --- weights ---------------------------------------------------------------------------
    logic [ROW_BITS-1:0] next_row, row_read, weights_at;
    logic                bias_read, weight_read, other_read, weights_read;
    logic [8*N:0]        weights;
    wire                 writes_bias = region == bus::BIASES;

    // Rows lie in the order in which a step reads them, so their address only counts.
    always_ff @(posedge clk) begin
        if (start) next_row <= '0;
        else if (multiplies) next_row <= next_row + 1'b1;
    end

    always_comb begin
        weights_at = next_row;
        if (row_whole) weights_at = writes_bias ? bias_row(write_address[1:0]) : write_address[ROW_BITS-1:0];
        else if (fetch_bias) weights_at = bias_row(fetch_address[1:0]);
        else if (fetch_weights) weights_at = fetch_address[ROW_BITS-1:0];
        else if (phase == phases::BIAS) weights_at = bias_row(gate);
    end

    assign weights_read = phase == phases::BIAS || multiplies || fetch_weights || fetch_bias;

    function automatic logic [ROW_BITS-1:0] bias_row(input logic [1:0] of_gate);
        bias_row = ROW_BITS'(BIAS_ROW) + ROW_BITS'(of_gate);
    endfunction

    weight_memory #(.N(N), .ROWS(ROWS)) weight_memory (
        .clk, .enable(row_whole || weights_read), .write(row_whole), .address(weights_at),
        .write_row({~^gathered, gathered}), .read_row(weights)
`ifdef FAULT_INJECT
        , .flip(inject[39:32] == 8'd1), .flip_address(inject[16+:ROW_BITS]), .flip_bit(inject[9:0])
`endif
    );

    always_ff @(posedge clk) begin
        bias_read <= phase == phases::BIAS && !reset;
        weight_read <= multiplies && !reset;
        other_read <= (fetch_weights || fetch_bias) && !reset;
        if (weights_read) row_read <= weights_at;
    end

    wire weights_bad = PARITY != 0 && (bias_read || weight_read || other_read) && !(^weights);

    // --- elements: features, then h --------------------------------------------------------
    logic       clearing;
    logic [SLICE_BITS-1:0] clear_index;
    logic [7:0] slice, offset;

    slice_counter elements_seen (
        .clk, .clear(start || phase == phases::CELL), .step(index_last && (loads_x || returns_h)),
        .length(loads_x ? x_slice : h_slice), .slice, .offset
    );

    wire expected = (loads_x || returns_h) && beat_here && columns != 8'd0;
    wire arrives = expected && take && slice == col;
    wire stores_element = write && (region == bus::FEATURES || region == bus::HIDDEN);
    wire writes_element = arrives || stores_element || clearing;

    logic [ELEMENT_BITS-1:0] element_to, element_at;
    always_comb begin
        if (clearing) element_to = {context_id, clear_index};
        else if (stores_element)
            element_to = {write_address[8+:CONTEXT_BITS],
                          SLICE_BITS'(write_address[7:0] + (region == bus::HIDDEN ? x_slice : 8'd0))};
        else element_to = {context_id, SLICE_BITS'(offset + (returns_h ? x_slice : 8'd0))};
        if (fetch_x || fetch_h)
            element_at = {fetch_address[8+:CONTEXT_BITS],
                          SLICE_BITS'(fetch_address[7:0] + (fetch_h ? x_slice : 8'd0))};
        else element_at = {context_id, index[SLICE_BITS-1:0]};
    end

    wire [7:0] element_written = clearing ? 8'd0 : data;
    logic [8:0] element;

    word_memory #(.WIDTH(9), .WORDS(2 ** ELEMENT_BITS)) elements (
        .clk, .write(writes_element), .write_address(element_to),
        .write_word({~^element_written, element_written}),
        .read(multiplies || fetch_x || fetch_h), .read_address(element_at), .read_word(element)
`ifdef FAULT_INJECT
        , .flip(inject[39:32] == 8'd2), .flip_address(inject[16+:ELEMENT_BITS]), .flip_bit(inject[4:0])
`endif
    );

    logic                  element_read;
    logic [SLICE_BITS-1:0] element_row;
    always_ff @(posedge clk) begin
        element_read <= (multiplies || fetch_x || fetch_h) && !reset;
        if (multiplies || fetch_x || fetch_h) element_row <= element_at[SLICE_BITS-1:0];
    end
    wire element_bad = PARITY != 0 && element_read && !(^element);
    wire of_h = 8'(element_row) >= x_slice;

    always_ff @(posedge clk) begin
        if (reset) clearing <= 1'b0;
        else if (clear) begin
            clearing <= 1'b1;
            clear_index <= '0;
        end else if (clearing) begin
            clear_index <= clear_index + 1'b1;
            if (clear_index == '1) clearing <= 1'b0;
        end
    end

    // --- sums ------------------------------------------------------------------------------
    logic signed [15:0] own, from_row;
    logic [7:0]         own_unit, mac_events;
    logic               chain_clamped, chain_fault;
    logic               row_valid, row_parity;
    logic [7:0]         row_data;

    lanes #(.N(N)) lanes (
        .clk, .load(bias_read), .from_bias(col == 8'd0), .accumulate(weight_read),
        .row(weights[8*N-1:0]), .element(element[7:0]), .units,
        .selected(phase == phases::ACT ? index[7:0] : own_unit), .sum(own), .events(mac_events)
    );

    row_chain #(.N(N), .KAPPA(KAPPA), .PARITY(PARITY)) row_chain (
        .clk, .reset, .col, .columns, .row_units, .units, .phase, .index, .beat_here, .high_here,
        .index_last, .last, .west_valid, .west_data, .west_parity, .east_valid(row_valid),
        .east_data(row_data), .east_parity(row_parity), .own_unit, .own, .kept_unit(index[7:0]),
        .kept(from_row), .clamped(chain_clamped), .fault(chain_fault)
    );

    // --- cell ------------------------------------------------------------------------------
    logic [7:0]  send_row, send_unit, new_hidden, cells_row;
    logic        cell_clamped, table_bad, cells_bad;
    logic [8:0]  table_row;
    logic [15:0] fetched_entry, fetched_cell;

    wire clears_cell = clearing && 16'(clear_index) < 16'(N);

    cell_path #(.N(N), .CONTEXT_BITS(CONTEXT_BITS), .PARITY(PARITY)) cell_path (
        .clk, .reset, .active(ends_row), .phase, .gate, .unit(index[7:0]), .units,
        .pre_activation(columns == 8'd1 ? own : from_row), .context_id, .hidden_unit(send_unit),
        .hidden(new_hidden), .clamped(cell_clamped), .table_bad, .table_row, .cells_bad, .cells_row,
        .store(cell_whole || clears_cell),
        .store_context(clears_cell ? context_id : write_address[8+:CONTEXT_BITS]),
        .store_unit(clears_cell ? 8'(clear_index) : write_address[7:0]),
        .store_word(clears_cell ? 16'd0 : gathered[8*N-1-:16]),
        .fetch_table, .fetch_cell, .fetch_row(fetch_address), .fetched_entry, .fetched_cell
`ifdef FAULT_INJECT
        , .inject
`endif
    );

    // --- what leaves over the bus ----------------------------------------------------------
    // A slot of H is filled by the edge at which it begins: hence one cycle early.
    wire slot_comes = (phase == phases::CELL_DRAIN && last) || (returns_h && index_last && !last);
    logic [7:0]  answered;
    logic [95:0] status;

    slice_counter slots_filled (
        .clk, .clear(phase == phases::CELL), .step(slot_comes), .length(row_units),
        .slice(send_row), .offset(send_unit)
    );

    always_comb begin
        case (fetch_region)
            bus::WEIGHTS, bus::BIASES: answered = weights[{position, 3'd0}+:8];
            bus::TABLES: answered = position[0] ? fetched_entry[15:8] : fetched_entry[7:0];
            bus::CELLS: answered = position[0] ? fetched_cell[15:8] : fetched_cell[7:0];
            bus::STATUS: answered = status[{position[3:0], 3'd0}+:8];
            default: answered = element[7:0];
        endcase
    end

    logic       sender_valid, sender_parity;
    logic [7:0] sender_data;

    bus_sender #(.KAPPA(KAPPA)) sender (
        .clk, .reset, .launch(fetched_launch || (slot_comes && ends_row && send_row == row)),
        .data(fetched_launch ? answered : new_hidden), .line_valid(sender_valid),
        .line_data(sender_data), .line_parity(sender_parity)
    );

    // --- what it found ---------------------------------------------------------------------
    wire bus_fault = (take && beat_bad) || (expected && !take);

    die_status statuses (
        .clk, .reset, .start, .read(told && fetch_region == bus::STATUS), .phase, .gate,
        .memory_bad(weights_bad || element_bad || table_bad || cells_bad),
        .region(weights_bad ? (32'(row_read) >= BIAS_ROW ? bus::BIASES : bus::WEIGHTS)
              : element_bad ? (of_h ? bus::HIDDEN : bus::FEATURES)
              : table_bad ? bus::TABLES : bus::CELLS),
        .row(weights_bad ? (32'(row_read) >= BIAS_ROW ? 16'(row_read) - 16'(BIAS_ROW) : 16'(row_read))
           : element_bad ? 16'(element_row) - (of_h ? 16'(x_slice) : 16'd0)
           : table_bad ? 16'(table_row) : 16'(cells_row)),
        .link_bad(chain_fault || bus_fault), .mac_events, .chain_event(chain_clamped),
        .cell_event(cell_clamped), .status
    );

`ifdef FAULT_INJECT
    wire dead = inject[39:32] == 8'd7;
    assign {east_valid, east_parity} = dead ? 2'd0 : {row_valid, row_parity};
    assign {back_valid, back_parity} = dead ? 2'd0 : {sender_valid, sender_parity};
    assign east_data = dead ? 8'd0 : row_data ^ (inject[39:32] == 8'd5 ? 8'd1 << inject[2:0] : 8'd0);
    assign back_data = dead ? 8'd0
        : sender_data ^ (inject[39:32] == 8'd6 && sender_valid ? 8'd1 << inject[2:0] : 8'd0);
`else
    assign {east_valid, east_data, east_parity} = {row_valid, row_data, row_parity};
    assign {back_valid, back_data, back_parity} = {sender_valid, sender_data, sender_parity};
`endif
endmodule
